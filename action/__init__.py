"""The steps of the composite action (action.yml): small programs that need only Python itself, except scan.py, which
needs kgate installed. install.py also installs it for other CI systems."""
