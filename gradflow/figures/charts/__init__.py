"""Charts of any numbers, one kind a file: functions that draw on given axes and compute nothing."""
