"""Recurrent encoder-decoder translation with attention."""
