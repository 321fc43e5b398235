"""What Kubernetes objects mean: resources, workloads, pods, Pod Security levels."""
