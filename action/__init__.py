"""The steps of the composite action (action.yml): small programs that need nothing but Python itself."""
