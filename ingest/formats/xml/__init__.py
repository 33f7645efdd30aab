"""XML: Green Button and IEC 61968-9."""
