"""What the recommend service can do: taking in, ranking, answering, delivering."""
