"""One run's life: begun, trained, resumed, and predicted from.

Start reading at execute.py: a spec becomes data, objects, a run folder, a training, figures.
member.py writes what a training leaves behind, also for the members of a sweep. What lies where on
the disk is store/'s business.
"""
