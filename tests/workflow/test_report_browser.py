"""The report in a real browser: it fits, it shows its pictures, it runs nothing of others'."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neurodecode.report.stage import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium binary found")

PROBE = """
<script>
window.addEventListener("load", () => {
  const d = document.documentElement, pics = [...document.querySelectorAll(".tiers .pic")];
  const wide = [...document.querySelectorAll("body *")].filter(
    (e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest("svg"));
  const plots = [...document.querySelectorAll(".interactive > .plotly")].map((e) => e._fullLayout);
  const out = {
    axes: plots.map((p) => p.xaxis._length),
    edge: plots.map((p) => Math.min(...p.shapes.map((s) => p.xaxis.d2p(s.x0)))),
    inner: innerWidth, scroll: d.scrollWidth,
    over: wide.slice(0, 5).map((e) => e.tagName + "." + e.className),
    sizes: [...new Set(pics.map((p) => p.offsetWidth + "x" + p.offsetHeight))],
    bare: pics.filter((p) => getComputedStyle(p).backgroundImage === "none").length,
    pics: pics.length, font: parseFloat(getComputedStyle(document.body).fontSize),
  };
  d.setAttribute("data-probe", JSON.stringify(out));
  parent.postMessage(out, "*");
});
</script>
"""
FRAME = """<!DOCTYPE html><body style="margin:0">
<script>addEventListener("message", (e) =>
  document.documentElement.setAttribute("data-probe", JSON.stringify(e.data)))</script>
<iframe src="probe.html" style="border:0;width:400px;height:900px"></iframe>"""


def chromium(tmp_path: Path, page: Path, *options: str) -> str:
    """Run the browser on a page; returns what it prints."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *options]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "unit" / "report")
    import fake_results as fake

    monkeypatch.setitem(sys.modules, "fake_results", fake)
    fake.use_fakes(monkeypatch)
    studies = [fake.category_study(), fake.picture_study()]
    for study in studies:
        fake.write_results(study, tmp_path / "results")
    return write_report(studies, tmp_path / "results", 1)[0]


def measure(tmp_path: Path, page: Path, *, framed: bool) -> dict[str, object]:
    """Lay the page out 1200 px wide, or 400 px wide inside a frame; returns what it measures.

    Headless windows are no narrower than 500 px, hence the frame.
    """
    probe = page.with_name("probe.html")
    probe.write_text(page.read_text(encoding="utf-8") + PROBE, encoding="utf-8")
    target = page.with_name("frame.html") if framed else probe
    if framed:
        target.write_text(FRAME, encoding="utf-8")
    dom = chromium(
        tmp_path, target, "--window-size=1200,900", "--virtual-time-budget=5000", "--dump-dom"
    )
    found = re.search(r'<html[^>]*data-probe="([^"]+)"', dom)
    assert found, "the page did not load"
    measured: dict[str, object] = json.loads(html.unescape(found[1]))
    return measured


@pytest.mark.parametrize(("framed", "width"), [(False, 1200), (True, 400)])
def test_the_page_fits_without_scrolling_sideways(
    tmp_path: Path, page: Path, framed: bool, width: int
) -> None:
    found = measure(tmp_path, page, framed=framed)
    assert found["inner"] == width
    assert found["scroll"] == width, found["over"]
    assert found["bare"] == 0
    assert len(found["sizes"]) == 1  # type: ignore[arg-type]
    assert found["font"] >= 15  # type: ignore[operator]
    # Of the score plots more than a third is plot, and chance does not touch the names.
    assert min(found["axes"]) > width / 3  # type: ignore[call-overload]
    assert min(found["edge"]) > 5  # type: ignore[call-overload]


@pytest.mark.parametrize("scheme", [[], ["--force-dark-mode"]])
def test_pictures_and_words_are_visible_in_light_and_dark(
    tmp_path: Path, page: Path, scheme: list[str]
) -> None:
    shot = tmp_path / "shot.png"
    chromium(tmp_path, page, "--window-size=1200,3000", f"--screenshot={shot}", *scheme)
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape[:2] == (3000, 1200)
    ground = pixels[5, 5]
    assert (ground.mean() < 60) == bool(scheme)
    title = pixels[30:90, 20:800].reshape(-1, 3)
    assert abs(title - ground).max() > 150  # words stand out from the ground
    saturation = pixels.max(axis=2) - pixels.min(axis=2)
    assert (saturation > 120).sum() > 20_000  # coloured pictures were painted


def test_foreign_words_run_nothing(tmp_path: Path, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    watch = "<script>alert = () => document.documentElement.setAttribute('data-hit', 1)</script>"
    page.write_text(text.replace("<head>", f"<head>{watch}"), encoding="utf-8")
    dom = chromium(tmp_path, page, "--virtual-time-budget=3000", "--dump-dom")
    assert "data-hit" not in dom.split(">", 2)[1]
    assert "&lt;script&gt;alert('caption')" in dom


ASK = """
<script type="module">
addEventListener("load", () => setTimeout(() => {
  const parts = [...document.querySelectorAll(".interactive")];
  const seen = (part) => part.querySelectorAll(".scatterlayer .point").length;
  const out = { shown: parts.map((p) => !p.hidden), first: parts.map(seen), other: [] };
  for (const part of parts) {
    const choice = part.querySelector("select");
    choice.value = choice.options.length - 1;
    choice.dispatchEvent(new Event("change"));
  }
  setTimeout(() => {
    out.other = parts.map(seen);
    out.labels = parts.map((p) => p.querySelectorAll(".ytick").length);
    document.documentElement.setAttribute("data-probe", JSON.stringify(out));
  }, 500);
}, 500));
</script>
"""


def test_the_score_plot_shows_each_row_of_the_table_that_is_chosen(
    tmp_path: Path, page: Path
) -> None:
    text = page.read_text(encoding="utf-8")
    data = re.findall(r'<script type="application/json">(.*?)</script>', text)
    blocks = [json.loads(part) for part in data]
    probe = page.with_name("asked.html")
    probe.write_text(text.replace("</body>", f"{ASK}</body>"), encoding="utf-8")
    dom = chromium(
        tmp_path, probe, "--window-size=1200,900", "--virtual-time-budget=8000", "--dump-dom"
    )
    found = json.loads(html.unescape(re.search(r'<html[^>]*data-probe="([^"]+)"', dom)[1]))
    assert found["shown"] == [True, True]
    assert found["first"] == [len(part[0]["rows"]) for part in blocks]
    assert found["other"] == found["labels"] == [len(part[-1]["rows"]) for part in blocks]


def test_without_scripts_the_tables_stand_and_no_empty_plot(tmp_path: Path, page: Path) -> None:
    quiet = page.with_name("quiet.html")
    text = page.read_text(encoding="utf-8")
    quiet.write_text(text.replace("script-src 'unsafe-inline'", "script-src 'none'"), "utf-8")
    dom = chromium(tmp_path, quiet, "--virtual-time-budget=3000", "--dump-dom")
    assert dom.count('<div class="interactive" hidden') == 2
    assert dom.count('<div class="plotly"></div>') == 2  # nothing was drawn in them
    assert dom.count('<table class="scores">') > 4
