"""What all tests share: results go to a folder of their own."""

import pytest


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    """No test reads or writes the results of the checkout."""
    monkeypatch.setenv("FEWERWELLS_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"
