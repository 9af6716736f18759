"""Paths in written configs: relative where data and run lie below a common folder."""

from pathlib import Path

import pytest

from minidl.spec import dump, load_spec
from minidl.spec.paths import path_in, seen_from


@pytest.mark.parametrize(
    ("path", "folder", "seen"),
    [
        ("/srv/p/data.csv", "/srv/p/runs/one", "../../data.csv"),
        ("/srv/data/a.csv", "/srv/p/runs/one", "../../../data/a.csv"),
        ("/data/a.csv", "/srv/p/runs/one", "/data/a.csv"),
        ("/home/me/data/a.csv", "/home/me/p/runs/one", "/home/me/data/a.csv"),
        ("/home/me/p/a.csv", "/home/me/p/runs/one", "../../a.csv"),
        ("/home/you/a.csv", "/home/me/p/runs/one", "/home/you/a.csv"),
    ],
)
def test_a_path_is_relative_where_both_lie_below_a_common_folder(
    monkeypatch: pytest.MonkeyPatch, path: str, folder: str, seen: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert seen_from(Path(path), Path(folder)) == seen
    assert path_in(Path(folder), seen) == Path(path)


def test_where_a_link_would_lead_elsewhere_the_path_stays_absolute(tmp_path: Path) -> None:
    disk, project = tmp_path / "far" / "disk", tmp_path / "project"
    disk.mkdir(parents=True)
    project.mkdir()
    (project / "runs").symlink_to(disk)
    data = project / "a.csv"
    assert seen_from(data, project / "runs" / "one") == str(data)
    assert seen_from(data, project / "results" / "one") == "../../a.csv"


def test_a_written_config_names_its_files_from_its_own_folder(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("data: {type: csv, path: a.csv, target: y}\nmodel: mlp\n")
    spec, folder = load_spec(config), tmp_path / "runs" / "one"
    assert "path: ../../a.csv" in dump(spec, folder)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(dump(spec, folder))
    assert load_spec(folder / "config.yaml") == spec
