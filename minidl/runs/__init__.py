"""One run's life: begun, trained, resumed, and predicted from.

Start reading at execute.py: a spec becomes data, objects, a run folder (begin.py), epochs
(drive.py), figures. member.py writes what a run leaves behind. The members of a sweep begin, train
and end by the same code. What lies where on the disk is store/'s business.
"""
