"""The dashboard in a real browser: it shows the session, it gives orders, it needs no mouse."""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, Browser, browser
from PIL import Image

from neurodecode.online.clock import VirtualClock
from neurodecode.online.dashboard.process import Dashboard
from neurodecode.online.live import LiveSession
from neurodecode.online.pictures import Drawn, about_pictures, message

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "online"))
from small_world import Linear, world

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found")

PHASE = "document.getElementById('phase').dataset.phase"


class Scene:
    """A session that goes on when the test says so, and the page that shows it."""

    def __init__(self, page: Browser, dashboard: Dashboard) -> None:
        self.page = page
        self.dashboard = dashboard
        fits: dict[str, Any] = {"linear": Linear, "other": Linear}
        self.session = LiveSession(world(), fits, "linear", 20, VirtualClock(), dashboard)

    def open(self, **how: Any) -> None:
        self.session.start()
        self.page.open(self.dashboard.url, **how)
        self.page.until("document.getElementById('units').textContent === '60 channels'")

    def go(self, n_bins: int) -> None:
        """Some bins, each drawn before the next."""
        for _ in range(n_bins):
            self.session.tick()
            self.page.until(f"document.documentElement.dataset.drawn >= {self.session.number}")

    def obey(self) -> None:
        """Wait until an order has arrived, then do a bin."""
        assert select.select([self.dashboard.link.socket], [], [], 20)[0], "no order came"
        self.go(1)

    def click(self, name: str) -> None:
        self.page.evaluate(f"document.getElementById('{name}').click()")
        self.obey()

    def focus(self) -> str:
        return str(self.page.evaluate("document.activeElement.id"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def scene(page: Browser) -> Iterator[Scene]:
    page.errors.clear()
    with Dashboard() as dashboard:
        yield Scene(page, dashboard)
        page.open("data:text/html,")
    assert page.errors == []


def in_control(scene: Scene) -> None:
    for _ in range(399):
        scene.session.tick()
    scene.go(3)
    assert scene.page.evaluate(PHASE) == "control"


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_shows_the_session_and_fits(scene: Scene, dark: bool, tmp_path: Path) -> None:
    scene.open(dark=dark)
    in_control(scene)
    scene.go(60)
    shot = tmp_path / "shot.png"
    scene.page.screenshot(shot)
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert (pixels[3, 3].mean() < 60) == dark
    boxes = scene.page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("canvas")].map((c) => {
             const b = c.getBoundingClientRect();
             return [c.id || c.closest(".plot").id, [b.left, b.top, b.right, b.bottom]]; }))"""
    )
    assert set(boxes) == {"task", "signals", "decoded", "latency"}
    for name, (left, top, right, bottom) in boxes.items():
        part = pixels[int(top) : int(bottom), int(left) : int(right)].reshape(-1, 3)
        assert len(np.unique(part, axis=0)) > 10, f"nothing is drawn on {name}"
    task = pixels[int(boxes["task"][1]) : int(boxes["task"][3])]
    greenish = (task[:, :, 1] - task[:, :, 0] > 40) & (task[:, :, 1] - task[:, :, 2] > 20)
    assert greenish.sum() > 500  # the target
    words = scene.page.evaluate("document.getElementById('figures').textContent")
    assert "bit rate" in words
    assert "bins not shown here0" in words


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_never_scrolls_sideways(scene: Scene, width: int) -> None:
    scene.open(width=width)
    scene.go(3)
    assert scene.page.evaluate("document.documentElement.scrollWidth") == width


def test_pause_recalibrate_swap_and_stop(scene: Scene) -> None:
    scene.open()
    in_control(scene)
    scene.click("pause")
    assert scene.session.phase == "paused"
    assert scene.page.evaluate("document.getElementById('pause').textContent") == "Resume"
    place = scene.session.loop.cursor
    scene.go(3)
    np.testing.assert_array_equal(scene.session.loop.cursor, place)
    scene.click("pause")
    assert scene.session.phase == "control"
    scene.page.evaluate(
        """{ const box = document.getElementById("decoder"); box.value = "other";
             box.dispatchEvent(new Event("change")); }"""
    )
    scene.obey()
    assert scene.session.chosen == "other"
    scene.page.until("document.getElementById('said').textContent.includes('other')")
    scene.click("recalibrate")
    assert scene.page.evaluate(PHASE) == "calibrating"
    scene.click("stop")
    assert scene.session.stopped


def test_a_person_points_with_the_mouse_and_the_cursor_comes(scene: Scene) -> None:
    scene.open()
    in_control(scene)
    scene.click("hand")
    box = scene.page.evaluate(
        "(({left, top, width}) => [left, top, width])"
        "(document.getElementById('task').getBoundingClientRect())"
    )
    left, top, width = box
    x, y = left + 0.9 * width, top + 0.25 * width  # the workspace's (0.8, 0.5)
    scene.page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    scene.obey()
    assert scene.session.loop.user.goal == pytest.approx([0.8, 0.5], abs=0.01)
    distances = []
    for _ in range(60):
        scene.session.tick()
        distances.append(np.hypot(*(scene.session.loop.cursor - [0.8, 0.5])))
    assert min(distances) < 0.25
    scene.click("hand")
    assert scene.page.evaluate("document.getElementById('hand').ariaPressed") == "false"


def test_everything_is_reached_and_used_by_keyboard(scene: Scene) -> None:
    scene.open()
    in_control(scene)
    order = []
    for _ in range(6):
        scene.page.press("Tab")
        order.append(scene.focus())
    assert order == ["pause", "recalibrate", "decoder", "hand", "stop", "task"]
    scene.page.evaluate("document.getElementById('hand').focus()")
    scene.page.press("Enter")
    scene.obey()
    assert scene.focus() == "task"
    before = scene.session.loop.user.goal.copy()
    scene.page.press("ArrowRight")
    scene.obey()
    scene.page.press("ArrowUp")
    scene.obey()
    assert scene.session.loop.user.goal - before == pytest.approx([0.08, 0.08], abs=1e-3)


def test_live_pictures_stand_alone_on_the_page(scene: Scene, tmp_path: Path) -> None:
    scene.dashboard.show(about_pictures("test", simulated=True))
    scene.page.open(scene.dashboard.url)
    scene.page.until("!document.getElementById('pictures').hidden")
    seen, picture = (np.full((8, 8, 3), v, np.uint8) for v in ((200, 30, 30), (30, 30, 200)))
    scene.dashboard.show({"picture": message(Drawn("t", "s", "0", seen, picture, 0.5), [0.5])})
    scene.page.until("document.documentElement.dataset.pictures == 1")
    scene.page.until("document.getElementById('drawn').complete")
    shot = tmp_path / "shot.png"
    scene.page.screenshot(shot)
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int).reshape(-1, 3)
    for colour in ((200, 30, 30), (30, 30, 200)):
        assert (abs(pixels - colour).max(axis=1) < 3).sum() > 5000
    shown = "[...document.querySelectorAll('main > .card')].filter((c) => !c.hidden).length"
    assert scene.page.evaluate(shown) == 1


def test_a_page_whose_session_is_gone_says_so(page: Browser) -> None:
    with Dashboard() as dashboard:
        scene = Scene(page, dashboard)
        scene.open()
        scene.go(2)
    page.until(f"{PHASE} === 'lost'")
    assert "connection lost" in page.evaluate("document.getElementById('phase').textContent")
    page.open("data:text/html,")
