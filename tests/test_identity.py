"""What makes a stored number stale: content, and what code does, never its order or layout."""

from fewerwells.running.identity import _statements, digest


def test_digest_depends_on_content_not_on_order():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_only_what_code_does_makes_runs_stale():
    code = 'def f(x):\n    """Add."""\n    return x + 1\n'
    assert _statements(code) == _statements('def f( x ):  # adds\n    """Add one."""\n\n    return (x + 1)')
    assert _statements(code) != _statements(code.replace("1", "2"))
