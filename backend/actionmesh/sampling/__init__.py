"""Flow matching: schedules, solvers, guidance, what sampling may leave out, and the windows in which long clips are generated."""
