"""Tables, units, money, periods, zones, ids, codes and errors: what every other folder speaks."""
