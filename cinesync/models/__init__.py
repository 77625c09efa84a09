"""One file a family of models; `cinesync.zoo` lists them."""
