from pathlib import Path

import pytest

from tests.house.offline import loads, main


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.html", '<link rel="stylesheet" href="https://fonts.example.test/css">'),
        ("a.html", '<script src="//cdn.example.test/x.js"></script>'),
        ("a.html", '<img src="http://example.test/x.png">'),
        ("a.html", '<img srcset="x.png 1x, https://example.test/x.png 2x">'),
        ("a.html", '<p style="background: url(https://example.test/x.png)">'),
        ("a.html", '<pre class="code mermaid">graph LR</pre>'),
        ("a.css", '@import "https://fonts.example.test/css";'),
        ("a.css", "a { background: url('//example.test/x.png') }"),
    ],
)
def test_a_load_from_outside_is_found(file: str, text: str) -> None:
    assert list(loads(Path(file), text))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.html", '<link rel="stylesheet" href="assets/x.css"><script src="../x.js"></script>'),
        ("a.html", '<a href="https://example.test/">away</a>'),
        ("a.html", '<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
        ("a.css", "a { background: url(data:image/svg+xml;charset=utf-8,<svg xmlns='http://www.w3.org/2000/svg'>) }"),
    ],
)
def test_what_a_site_brings_along_is_fine(file: str, text: str) -> None:
    assert list(loads(Path(file), text)) == []


def test_a_site_is_judged_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(str(tmp_path)) == 1, "nothing was built"
    (tmp_path / "index.html").write_text("<p>fine</p>", encoding="utf-8")
    assert main(str(tmp_path)) == 0
    (tmp_path / "x.css").write_text("a { background: url(//example.test/x) }", encoding="utf-8")
    assert main(str(tmp_path)) == 1
    assert "x.css: url(//example.test/x" in capsys.readouterr().err
