"""What the program talks about: frozen values and protocols, without files, databases or windows."""
