"""Who may do what in a cluster, by its roles and bindings, decided as the API server's RBAC authorizer decides it."""
