"""From a suite to a result store: plan, tuning, execution, metrics and statistics."""
