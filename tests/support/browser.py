"""A person's browser: Debian's Chromium without a screen, driven by what can be read on the page."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from tests.support.waiting import wait_until

PATIENCE = 15.0
"""Seconds that a person waits for a page; the machine of the tests is busy."""

INTERRUPTED = "ERR_NETWORK_CHANGED"
"""What Chromium says, in place of a page, when an interface of the machine comes or goes: each pod on it has one. A
person reloads the page then."""

GONE = "does not belong to the document"
"""What Chromium says of a part of a page that is just being left, where it has no error of its own for that."""

MOST_STOPS = 60
"""Of the key Tab on a page, before one gives up."""

FIELDS = "input:not([type=hidden]), select, textarea"
BUTTONS = "button, input[type=submit], [role=button]"
LINKS = "a[href]"

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # the tests are root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--lang=fr",
    "--window-size=1280,1024",
)


class Browser:
    """What a person does, in the words that a screen reader would read: nothing here knows how pages are made.

    Args:
        driver: of the browser.
    """

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    # Doing.

    def open(self, url: str) -> None:
        """Type an address."""

        def arrive() -> bool:
            try:
                self.driver.get(url)
            except WebDriverException as error:
                if INTERRUPTED not in str(error):
                    raise
                return False
            return True

        wait_until(arrive, PATIENCE, what=f"{url} is opened")

    def forget(self) -> None:
        """Forget all cookies, of every site: as a browser that nobody has used."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def follow(self, text: str) -> None:
        """Follow a link."""
        self._find(LINKS, text, "link").click()

    def press(self, text: str) -> None:
        """Press a button."""
        self._find(BUTTONS, text, "button").click()

    def fill(self, label: str, value: str) -> None:
        """Type into a field, in place of what is there."""
        field = self._find(FIELDS, label, "field")
        field.clear()
        field.send_keys(value)

    def choose(self, label: str, option: str) -> None:
        """Choose an entry of a list."""
        Select(self._find(FIELDS, label, "list")).select_by_visible_text(option)

    # Doing without a mouse.

    def reach(self, name: str) -> None:
        """Press the key Tab until a field, link or button has the focus.

        Raises:
            AssertionError: the key does not lead there.
        """
        passed = []
        for _ in range(MOST_STOPS):
            self._press_keys(Keys.TAB)
            focused = self.driver.switch_to.active_element
            passed.append(" ".join(focused.accessible_name.split()))
            if passed[-1] == name:
                return
        raise AssertionError(f"the key Tab does not lead to {name!r}, but to {passed}\n{self.describe()}")

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self._press_keys(text)

    def enter(self) -> None:
        """Press the key Enter."""
        self._press_keys(Keys.ENTER)

    def go(self, name: str) -> None:
        """Reach a link or button, and press the key Enter."""
        self.reach(name)
        self.enter()

    # Reading.

    @property
    def url(self) -> str:
        """What the address bar shows."""
        return str(self.driver.current_url)

    @property
    def text(self) -> str:
        """What can be read on the page."""
        try:
            return str(self.driver.find_element(By.TAG_NAME, "body").text)
        except WebDriverException as error:
            _check_changed(error)
            return ""

    def has(self, kind: str, name: str) -> bool:
        """Whether there is such a field, button or link now.

        Args:
            kind: `FIELDS`, `BUTTONS` or `LINKS`.
        """
        return self._look(kind, name) is not None

    def reads(self, *texts: str, timeout: float = PATIENCE) -> None:
        """Wait until all of these can be read on the page.

        Raises:
            AssertionError: they cannot; with what is there instead.
        """
        what = f"the page says {', '.join(map(repr, texts))}"
        wait_until(lambda: self._says(texts), timeout, what=what, last=self.describe)

    def picture(self, path: Path) -> None:
        """Keep what is seen, as a PNG."""
        assert self.driver.save_screenshot(str(path))

    def describe(self) -> str:
        """The page, for a message."""
        return f"{self.url}\n{self.text[:2000]}"

    def _press_keys(self, keys: str) -> None:
        ActionChains(self.driver).send_keys(keys).perform()

    def _says(self, texts: Sequence[str]) -> bool:
        shown = self.text
        if INTERRUPTED in shown:
            self.driver.refresh()
        return all(text in shown for text in texts)

    def _find(self, selector: str, name: str, kind: str) -> WebElement:
        what = f"the page has a {kind} {name!r}"
        return wait_until(lambda: self._look(selector, name), PATIENCE, what=what, last=self.describe)

    def _look(self, selector: str, name: str) -> WebElement | None:
        try:
            for element in self.driver.find_elements(By.CSS_SELECTOR, selector):
                if element.is_displayed() and " ".join(element.accessible_name.split()) == name:
                    return element
        except WebDriverException as error:
            _check_changed(error)
        return None


@contextmanager
def browser(
    folder: Path, authorities: Sequence[Path] = (), hosts: Mapping[str, str] | None = None
) -> Iterator[Browser]:
    """A new browser that nobody has used, closed at the end.

    Args:
        folder: for its profile; of this browser alone.
        authorities: files with certificates (PEM) of the authorities that it trusts beside the usual ones.
        hosts: addresses by host names or patterns (`*.pronote.test`), in place of what a name server says.
    """
    database = folder / ".pki" / "nssdb"
    database.mkdir(parents=True)
    _certutil(database, "-N", "--empty-password")
    for number, path in enumerate(authorities):
        _certutil(database, "-A", "-t", "C,,", "-n", f"authority {number}", "-i", str(path))
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.accept_insecure_certs = False
    for argument in (*_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    if hosts:
        rules = ", ".join(f"MAP {host} {address}" for host, address in hosts.items())
        options.add_argument(f"--host-resolver-rules={rules}")
    # Its home is where it looks for authorities.
    service = Service("/usr/bin/chromedriver", env={**os.environ, "HOME": str(folder)})
    driver = Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def _check_changed(error: WebDriverException) -> None:
    """Let pass what says that the page has just changed: the next look will see the new one."""
    if not isinstance(error, NoSuchElementException | StaleElementReferenceException) and GONE not in str(error):
        raise error


def _certutil(database: Path, *arguments: str) -> None:
    subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, capture_output=True)
