"""The page on a real port of 127.0.0.1, for a browser."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from collector.web.page_app import make_page
from tests.collector.web.world import World, busy_world, settings


@contextlib.contextmanager
def served(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """The address under which the application answers, until the block ends."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    )
    sockets = [server.config.bind_socket()]
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def page_of(world: World) -> ASGIApp:
    return make_page(world.ports(), settings())


if __name__ == "__main__":  # python -m tests.collector.web.serving: a preview to click through
    with served(page_of(busy_world()), 8085) as address:
        print(address, "admin or reader, password: correct horse battery staple")
        threading.Event().wait()
