"""What a repository deploys from elsewhere: what it asks for, what kgate.lock says of it, and how it is fetched."""
