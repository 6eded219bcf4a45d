"""A page in a real browser; tests that need it are skipped without playwright or Chromium."""

import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest

from lrfinder.views.report import write_report

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIOLATIONS = (
    "window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(event.blockedURI));"
)
WHERE = """([plot, x, y]) => {
    const { over, valToPos } = plots[plot].uplot;
    over.scrollIntoView({ block: "center" });
    const at = over.getBoundingClientRect();
    return [at.x + valToPos(x, "x"), at.y + valToPos(y, "y")];
}"""
LIMITS = "([plot, which]) => (({ min, max }) => [min, max])(plots[plot].uplot.scales[which])"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    playwright = pytest.importorskip("playwright.sync_api", reason="the session docs has it")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        profile = tmp_path_factory.mktemp("profile")
        size = {"width": 1100, "height": 900}
        context = started.chromium.launch_persistent_context(profile, executable_path=path, args=list(FLAGS), viewport=size)
        context.set_default_timeout(10_000)
        yield context
        context.close()


@dataclass
class Opened:
    """An open page, with its messages and requests."""

    tab: Any
    messages: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.tab, name)

    def where(self, x, y, plot=0):
        """Return the position of a rate and a loss on the screen."""
        return self.tab.evaluate(WHERE, [plot, x, y])

    def limits(self, which, plot=0):
        """Return the visible limits of an axis."""
        return self.tab.evaluate(LIMITS, [plot, which])

    def wait_until(self, condition):
        """Wait until an expression is true. Playwright's own wait evaluates text in the page, whose policy forbids that."""
        for _ in range(200):
            if self.tab.evaluate(condition):
                return
            self.tab.wait_for_timeout(50)
        pytest.fail(f"not true within 10 seconds: {condition}")

    def read(self, plot=0):
        """Return the text about the point under the pointer."""
        return self.tab.locator("output").nth(plot).text_content()


@pytest.fixture
def opened(chromium, tmp_path):
    """Open the page of results by their names; check at the end that it reported no error and requested only itself."""
    pages = []

    def open_page(runs, spoil=lambda html: html, scheme="light"):
        path = tmp_path / f"page{len(pages)}.html"
        write_report(runs, path)
        path.write_text(spoil(path.read_text()))
        page = Opened(chromium.new_page())
        pages.append((page, path))
        page.emulate_media(color_scheme=scheme)
        page.on("console", lambda message: page.messages.append(message.text))
        page.on("pageerror", lambda error: page.messages.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.add_init_script(VIOLATIONS)
        page.goto(path.as_uri())
        return page

    yield open_page
    for page, path in pages:
        assert page.messages + page.evaluate("violations") == []
        assert page.requests == [path.as_uri()]
        page.close()
