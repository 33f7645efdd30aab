"""Import of OpenEI's utility rate database (URDB): records of the API become tariff files."""
