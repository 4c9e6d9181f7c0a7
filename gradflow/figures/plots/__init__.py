"""One figure a file: functions that draw a result on given axes and compute nothing."""
