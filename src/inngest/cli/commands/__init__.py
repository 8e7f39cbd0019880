"""The actions of the commands; each module is loaded when its command is called."""
