"""The report formats: one module each, with render(report)."""
