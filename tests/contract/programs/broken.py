print("before the fall")
raise ValueError("no such molecule: unobtainium")
