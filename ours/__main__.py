from ours.cli import main

main()
