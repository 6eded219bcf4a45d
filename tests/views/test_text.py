from lrfinder.views.text import counted, number, printable


def test_characters_that_control_a_terminal_are_escaped_and_line_breaks_stay():
    assert printable("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\nc\\u202e"


def test_letters_of_all_languages_stay():
    assert printable("Größe 学习率") == "Größe 学习率"


def test_a_number_has_three_digits_and_a_missing_one_its_word():
    assert number(0.0123456) == "0.0123"
    assert number(None) == "-"
    assert number(None, "none") == "none"


def test_one_of_a_thing_has_no_plural():
    assert [counted(count) for count in (0, 1, 2)] == ["0 iterations", "1 iteration", "2 iterations"]
