"""The gift agent for assistants: tools, vocabularies and a prompt over the Model Context Protocol.

tool         one tool: typed arguments, a typed answer, words a reader takes in
shared         what all tools share: the live agent, the day, the recommendations made lately
recommending recommend_gifts and next_gifts
evidence     the five tools of the agent, asked by hand
browsing     search_catalogue and describe_gift
reading      vocabularies and the catalogue as resources, and the prompt
server       all of it as a server of the official SDK
stdio, http  the two ways to reach it
"""
