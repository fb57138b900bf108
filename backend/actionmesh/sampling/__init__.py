"""Flow matching: schedules, solvers, guidance, optional approximations, and the windows for long clips."""
