"""Decides about what is sent to an API server, as its webhook: one AdmissionReview in, one out."""
