"""Results on the boards where trainings are kept: one module a board, each with one verb, ``log(result, there)``.

What is given is the user's own writer or run, which stays as it was but for what is logged, under a name of its own.
A board's package is imported when its module logs.
"""
