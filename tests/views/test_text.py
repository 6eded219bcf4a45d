from lrfinder.views.text import number, printable


def test_characters_that_control_a_terminal_are_escaped_and_line_breaks_stay():
    assert printable("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\nc\\u202e"


def test_letters_of_all_languages_stay():
    assert printable("Größe 学习率") == "Größe 学习率"


def test_a_number_has_three_digits_and_a_missing_one_its_word():
    assert number(0.0123456) == "0.0123"
    assert number(None) == "-"
    assert number(None, "none") == "none"
