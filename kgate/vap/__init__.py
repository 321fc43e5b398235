"""ValidatingAdmissionPolicies: what rules are exported to, and what any of them decides without a cluster."""
