"""What a network may do to a datagram: pure models of delay and loss, the link that they make up, and named profiles."""
