"""Text of somebody else's for a terminal: a file's, a tensor's name, an exception's."""


def printable(text: str) -> str:
    r"""The text with every character that a terminal would obey and not show (``\x1b``) as its escape; line ends stay."""
    return "".join(character if character.isprintable() or character == "\n" else _escape(character) for character in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
