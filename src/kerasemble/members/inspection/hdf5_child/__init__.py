"""The process that opens HDF5 from strangers: native code that can hang or crash, so it has little to do it with.

It runs apart from the rest of the package, whose imports take a second: its modules name each other relatively and
import nothing but h5py and NumPy. It is given the file as its standard input, and prints two lines of JSON: what the
file is made of, and then, when all values were read, whether they are numbers. It may take no more memory and time than
it is given, and open no other file.
"""
