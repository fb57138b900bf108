"""Many jobs at once: read from a table or a folder, checked together, and done by worker processes under Ray.

Only paths and lines of JSON (those of `protocol`) reach the workers and come back. `plan` and `clips_folder` say which
jobs there are, `check` what is wrong with them, `ledger` which are already done, `schedule` who does which, and
`report` and `board` how they went.
"""
