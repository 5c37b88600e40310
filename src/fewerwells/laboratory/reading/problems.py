"""The one error of this room: a sentence that says what is wrong and what to do about it."""


class PlateError(ValueError):
    """A plate that cannot be read or understood; the message says what to do, with the option that settles it."""

    def _render_traceback_(self) -> list[str]:  # notebooks show the sentence alone
        return [f"Refused: {self}"]
