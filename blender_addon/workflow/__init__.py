"""From the artist's settings to a job, and from its result to the scene and the facts about it.

Operators and panels call these modules; they call the session, `jobs` and `scene`.
"""
