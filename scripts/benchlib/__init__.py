"""What scripts/bench is made of. Python's standard library only.

main        the command line, and what a run consists of
machine     what it runs on, and which cores serve and which make load
processes   starting programs, reading their use of the machine, stopping them whatever happens
programs    where the servers and load generators come from
servers     annulet, Valkey, Redis and nutcracker, started as the parts need them
load        filling, redis-benchmark, and requests at a fixed pace
report      measurements as tables, as JSON and as a page of docs/benchmarks
parts       what is measured, one file each
"""
