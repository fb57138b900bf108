"""The tree of errors that an artist can cause."""

from blender_addon.errors import ArtistError, MotionError, TargetChanged, TargetError


def test_it_is_what_its_docstring_draws():
    assert (
        TargetError.__base__ is ArtistError
        and MotionError.__base__ is ArtistError
        and TargetChanged.__base__ is TargetError
    )


def test_problem_and_cure_make_the_sentence():
    error = TargetChanged("It is gone.", "Look for it.", "object.mode_set")
    assert str(error) == "It is gone. Look for it."
    assert (error.problem, error.cure, error.fix) == ("It is gone.", "Look for it.", "object.mode_set")
    assert str(ArtistError("It is gone.")) == "It is gone." and ArtistError("It is gone.").fix is None
