def write(a,b): return "no report"
