"""Views: each takes a result and returns a drawing of it; none prints, shows or waits, and none knows a learner."""
