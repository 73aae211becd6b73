#!/usr/bin/env python3
"""Counts logs with towtank on Apache Spark, and prints the report that one towtank would have given.

    spark-submit spark.py --logs s3a://lake/access/2026/03/ -- mesh/ --log-format access_log_json
    spark-submit spark.py --logs s3a://lake/access.parquet --parquet -- mesh/ --against old/

Behind `--` stand the manifests and options of `towtank simulate`. The manifests must be at the same place on all workers
(`spark-submit --files`, an image, a shared volume), and towtank on their PATH or where --towtank says.
"""

import argparse
import subprocess
import sys

from pyspark.sql import SparkSession


def run(command, text):
    """What a command makes of a text; what it says is passed on, and its failure is ours."""
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, encoding="utf-8")
    if done.returncode not in (0, 1):  # 1: a condition of --fail-on holds
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    return done.returncode, done.stdout


def lines(spark, arguments):
    """The logs' lines, in partitions."""
    if not arguments.parquet:
        return spark.sparkContext.textFile(arguments.logs, arguments.partitions)
    # A null says something in a log: that there was no cluster, for example.
    spark.conf.set("spark.sql.jsonGenerator.ignoreNullFields", "false")
    rows = spark.read.parquet(arguments.logs)
    if arguments.partitions:
        rows = rows.repartition(arguments.partitions)
    return rows.toJSON()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", required=True, help="what Spark reads: a file, a folder, a pattern, on any file system")
    parser.add_argument("--parquet", action="store_true", help="the logs are Parquet, with the names of the JSON access log")
    parser.add_argument("--partitions", type=int, help="at least so many parts")
    parser.add_argument("--towtank", default="towtank", help="the program, on all workers")
    parser.add_argument("--report", default="", help="options of `towtank merge`, for example '-o json'")
    parser.add_argument("simulate", nargs="+", help="manifests and options of `towtank simulate`")
    arguments = parser.parse_args()
    spark = SparkSession.builder.appName("towtank").getOrCreate()

    count = [arguments.towtank, "simulate", *arguments.simulate, "--requests", "-", "--tally", "-", "--quiet"]
    merge = [arguments.towtank, "merge", "-"]

    def tally(partition):
        # The lines of a partition go in, and one tally comes out.
        process = subprocess.Popen(count, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        with process.stdin as log:
            log.writelines(f"{line}\n" for line in partition)
        counted = process.stdout.read()
        if process.wait() != 0:
            raise RuntimeError(f"{' '.join(count)} ended with {process.returncode}")
        yield counted

    # A tally comes out when all lines are in, so a partition can be written before it is read.
    tallies = lines(spark, arguments).mapPartitions(tally)
    total = tallies.treeReduce(lambda a, b: run([*merge, "--tally", "-"], a + b)[1])
    spark.stop()
    status, report = run([*merge, *arguments.report.split()], total)
    sys.stdout.write(report)
    sys.exit(status)


if __name__ == "__main__":
    main()
