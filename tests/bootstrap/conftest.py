from .wheels import quickly_made, repository

__all__ = ["quickly_made", "repository"]
