"""Basic checks of a page's accessibility, after rules of axe-core and WCAG 2.2; knows HTML only."""

from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "br", "hr", "path", "line"}
_FIELDS = {"input", "select", "textarea"}


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.labels_for: set[str] = set()
        self.unlabelled: list[str] = []
        self.landmarks: list[str] = []
        self.named_by: list[str] = []
        self.nameless: list[str] | None = None  # text of the open link or button
        self.lang = self.title = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if "id" in has:
            self.ids.append(has["id"])
        self.named_by += has.get("aria-labelledby", "").split()
        self.named_by += has.get("aria-describedby", "").split()
        if tag == "html":
            self.lang = has.get("lang", "")
        if tag in ("main", "nav"):
            self.landmarks.append(tag)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "label" and "for" in has:
            self.labels_for.add(has["for"])
        hidden = tag == "input" and has.get("type") == "hidden"
        if tag in _FIELDS and not hidden and "label" not in self.open and "aria-label" not in has:
            self.unlabelled.append(has.get("id", has.get("name", tag)))
        if tag == "img" and "alt" not in has:
            self.problems.append("an image without alt")
        if tag == "svg" and not has.get("aria-label"):
            self.problems.append("a drawing without a name")
        if tag == "th" and has.get("scope") not in ("col", "row"):
            self.problems.append("a table's header without scope")
        if tag in ("a", "button"):
            self.nameless = [has.get("aria-label", "")]
        if tag == "nav" and not (has.get("aria-label") or has.get("aria-labelledby")):
            self.problems.append("a navigation without a name")
        if has.get("tabindex", "0") not in ("0", "-1"):
            self.problems.append("a tab order of its own")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "button") and self.nameless is not None:
            if not "".join(self.nameless).strip():
                self.problems.append(f"an {tag} without a name")
            self.nameless = None
        if tag in _VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data: str) -> None:
        if self.nameless is not None:
            self.nameless.append(data)
        if "title" in self.open[-1:]:
            self.title += data


def problems_of(page: str) -> list[str]:
    """What somebody with a screen reader or a keyboard would stumble over; empty if nothing."""
    checker = _Checker()
    checker.feed(page)
    problems = checker.problems
    if not checker.lang or not checker.title.strip():
        problems.append("no language or no title")
    if checker.headings.count(1) != 1 or checker.landmarks.count("main") != 1:
        problems.append("not one main heading and one main landmark")
    steps = zip(checker.headings, checker.headings[1:], strict=False)
    problems += [f"a heading skips from {one} to {two}" for one, two in steps if two > one + 1]
    problems += [
        f"field {name}: no label" for name in checker.unlabelled if name not in checker.labels_for
    ]
    problems += [f"id {name} twice" for name in set(checker.ids) if checker.ids.count(name) > 1]
    problems += [f"nothing has id {name}" for name in checker.named_by if name not in checker.ids]
    if checker.open:
        problems.append(f"never closed: {checker.open}")
    return problems
