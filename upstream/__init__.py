"""Takes data of other projects over: run by hand when they have a new version, and kept as files of kgate."""
