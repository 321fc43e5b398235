"""The steps of the composite action (action.yml): small programs that need nothing but Python itself, but for scan.py,
which runs where kgate is installed. install.py installs it for other CI systems, too."""
