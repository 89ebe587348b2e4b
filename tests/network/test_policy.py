"""The policy by itself: routes, addresses, back-off; no network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.network.proxy_route import Proxy, proxy_for
from core.network.retry_delay import Backoff, retry_after
from core.network.web_address import WebAddress, without_secrets
from core.network.web_errors import WebFailed, WebUnsafe, WebUnusable

PROXY = {"https_proxy": "http://proxy.acme.test:3128"}


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("acme.test", "https://acme.test/", True),
        ("acme.test", "https://a.acme.test/", True),
        ("acme.test", "https://bacme.test/", False),
        (".acme.test", "https://acme.test/", True),
        ("*.acme.test", "https://a.b.acme.test/", True),
        ("ACME.test.", "https://A.acme.TEST./", True),
        ("x,, a.test\tacme.test", "https://acme.test/", True),
        ("*", "https://[2001:db8::1]/", True),
        ("acme.test:443", "https://acme.test/", True),
        ("acme.test:443", "https://acme.test:8443/", False),
        ("acme.test:https", "https://acme.test/", False),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8:8443", "https://10.1.2.3:8443/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.0.0.0/8", "https://10.acme.test/", False),
        ("10.0.0.0/99", "https://10.0.0.0/", False),
        ("10.0.0.1", "https://10.0.0.1/", True),
        ("0.0.1", "https://10.0.0.1/", False),
        ("10.0.0.1", "https://[::ffff:10.0.0.1]/", True),
        ("2001:db8::/32", "https://[2001:db8::1]/", True),
        ("2001:DB8:0::1", "https://[2001:db8::1]/", True),
        ("[2001:db8::1]", "https://[2001:db8::1]/", True),
        ("[2001:db8::1]:443", "https://[2001:db8::1]/", True),
        ("[2001:db8::1]:80", "https://[2001:db8::1]/", False),
        ("0.0.0.0/0", "https://[2001:db8::1]/", False),
    ],
)
def test_no_proxy(no_proxy: str, url: str, direct: bool) -> None:
    found = proxy_for(WebAddress.parse(url), {**PROXY, "no_proxy": no_proxy})
    assert (found is None) == direct


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://p.test:3128", Proxy("p.test", 3128)),
        ("p.test:3128", Proxy("p.test", 3128)),
        ("http://p.test/", Proxy("p.test", 80)),
        ("http://[::1]:8", Proxy("::1", 8)),
        ("http://a%40b:p%3Aq@p.test:1", Proxy("p.test", 1, "Basic YUBiOnA6cQ==")),
    ],
)
def test_a_proxys_address(text: str, proxy: Proxy) -> None:
    assert proxy_for(WebAddress.parse("http://acme.test/"), {"ALL_PROXY": text}) == proxy


@pytest.mark.parametrize("text", ["socks5://u:s3cret@p:1", "http://u:s3cret@", "http://s3cret@p:x"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(text: str) -> None:
    with pytest.raises(WebUnusable, match="https_proxy") as caught:
        proxy_for(WebAddress.parse("https://acme.test/"), {"https_proxy": text})
    assert "s3cret" not in str(caught.value)


def test_an_exempt_host_does_not_care_about_a_wrong_proxy() -> None:
    environ = {"all_proxy": "socks5://p:1", "no_proxy": "acme.test"}
    assert proxy_for(WebAddress.parse("https://acme.test/"), environ) is None


def test_nothing_that_is_printed_holds_a_secret() -> None:
    address = WebAddress.parse("https://ops:s3cret@acme.test/a?sig=s3cret")
    proxy = Proxy("p", 1, "Basic s3cret")
    shown = (
        f"{address} {address!s} {proxy} {proxy!r} {without_secrets('https://a:s3cret@b/?s3cret')}"
    )
    assert "s3cret" not in shown.replace(address.target, "")
    assert without_secrets("https://a:s3cret@b/c?d") == "https://b/c?…"
    assert "s3cret" not in repr(WebAddress.parse("https://ops:s3cret@acme.test/"))


@pytest.mark.parametrize(
    ("url", "netloc", "target"),
    [
        ("https://Acme.TEST", "acme.test", "/"),
        ("https://acme.test:443/a?b=c", "acme.test", "/a?b=c"),
        ("http://acme.test:443/", "acme.test:443", "/"),
        ("http://[2001:DB8::1]:80/", "[2001:db8::1]", "/"),
        ("http://acme.test/a b/%41é", "acme.test", "/a%20b/%41%C3%A9"),
        ("http://bücher.test/", "xn--bcher-kva.test", "/"),
    ],
)
def test_an_address_is_taken_apart(url: str, netloc: str, target: str) -> None:
    address = WebAddress.parse(url)
    assert (address.netloc, address.target) == (netloc, target)
    assert WebAddress.parse(address.url) == address


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_one_named_error(text: str) -> None:
    for url in (text, f"http://{text}", f"http://a.test/{text}"):
        try:
            address = WebAddress.parse(url)
        except WebUnusable:
            continue
        assert address.host.isascii() and address.target.isascii()
        assert not any(letter.isspace() for letter in address.url)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_environment_is_a_route_or_one_named_error(proxy: str, exempt: str) -> None:
    try:
        found = proxy_for(
            WebAddress.parse("https://acme.test/"), {"all_proxy": proxy, "no_proxy": exempt}
        )
    except WebUnusable:
        return
    assert found is None or found.host


@pytest.mark.parametrize(
    ("status", "location", "there"),
    [
        (302, "/b", "https://acme.test/b"),
        (307, "https://cdn.test/b?c", "https://cdn.test/b?c"),
        (200, "/b", None),
        (304, "/b", None),
        (302, "", None),
    ],
)
def test_where_an_answer_leads(status: int, location: str, there: str | None) -> None:
    found = WebAddress.parse("https://acme.test/a").redirected(status, location)
    assert (found.url if found else None) == there


@pytest.mark.parametrize("location", ["http://acme.test/", "file:///etc/passwd", "http://[/"])
def test_where_no_answer_may_lead(location: str) -> None:
    with pytest.raises(WebUnsafe):
        WebAddress.parse("https://acme.test/a").redirected(302, location)
    assert issubclass(WebUnsafe, WebFailed)


def test_waits_grow_to_the_longest_and_are_spread() -> None:
    low, high = Backoff(0.5, 16.0, 0.0), Backoff(0.5, 16.0, 0.0)
    assert [low.failed(0.0) for _ in range(9)] == [0.0] * 9
    assert [high.failed(1.0) for _ in range(7)] == [1, 2, 4, 8, 16, 16, 16]
    assert Backoff(60.0, 30.0, 45.0).failed(1.0) == 45.0


def test_a_server_may_ask_for_a_wait() -> None:
    assert retry_after({"retry-after": " 20 "}) == 20.0
    date = {"date": "Mon, 23 Nov 2026 12:00:00 GMT"}
    assert retry_after({**date, "retry-after": "Mon, 23 Nov 2026 12:00:20 GMT"}) == 20.0
    assert retry_after({**date, "retry-after": "Mon, 23 Nov 2026 11:00:20 GMT"}) == 0.0
    for text in ("", "soon", "-1", "9" * 10, "²", "Mon, 23 Nov 2026 12:00:20 GMT"):
        assert retry_after({"retry-after": text}) is None
